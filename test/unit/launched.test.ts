import { expect, test } from 'vitest'
import { launchedWith, shellText, type AskedProgram, type Launched } from '../../src/cli/inject/launched.ts'
import { UsageError } from '../../src/cli/output/failure.ts'

const shell = ['/bin/sh', '-c']
type Image = Parameters<typeof launchedWith>[1]
const bare: Image = { entrypoint: [], command: [], health: [], shell }
const asked: AskedProgram = { entrypoint: null, words: [], health: null }
const by = ['/run/secretbox/launcher', '/run/secretbox/env/1/f', '--']

function launched(image: Partial<Image>, given: Partial<AskedProgram> = {}): Launched {
  const files = ['/run/secretbox/env/1/f']
  return launchedWith(files, { ...bare, ...image }, { ...asked, ...given })
}

// moby, daemon/commit.go (merge) and daemon/create.go; docker/cli, cli/command/container/opts.go (parse).
const [E, C, W] = [
  ['e', '1'],
  ['c', '2'],
  ['w', '3']
]
test.each<[string, Partial<Image>, Partial<AskedProgram>, string[] | null]>([
  ['nothing at all', {}, {}, null],
  ['a command of the image', { command: C }, {}, C],
  ['an entrypoint of the image', { entrypoint: E }, {}, E],
  ['both of the image', { entrypoint: E, command: C }, {}, [...E, ...C]],
  ['words instead of its command', { command: C }, { words: W }, W],
  ['words after its entrypoint', { entrypoint: E, command: C }, { words: W }, [...E, ...W]],
  [
    'another entrypoint, which drops its command',
    { entrypoint: E, command: C },
    { entrypoint: ['x'] },
    ['x']
  ],
  [
    'another entrypoint and words',
    { entrypoint: E, command: C },
    { entrypoint: ['x'], words: W },
    ['x', ...W]
  ],
  [
    'an empty entrypoint, which drops its command, too',
    { entrypoint: E, command: C },
    { entrypoint: [''] },
    null
  ],
  ['an empty entrypoint and words', { entrypoint: E, command: C }, { entrypoint: [''], words: W }, W],
  ['no entrypoint at all, as compose asks for it', { entrypoint: E, command: C }, { entrypoint: [] }, C],
  ['that and words', { entrypoint: E, command: C }, { entrypoint: [], words: W }, W],
  ['words that look like ours', { entrypoint: ['--'] }, { words: ['--', ''] }, ['--', '--', '']]
])('%s', (_what, image, given, program) => {
  if (program === null) expect(() => launched(image, given)).toThrow(UsageError)
  else {
    const { entrypoint, command } = launched(image, given)
    expect([...entrypoint, ...command]).toEqual([...by, ...program])
  }
})

test.each<[string, Partial<Image>, Partial<AskedProgram>, string[] | null]>([
  ['none', {}, {}, null],
  ['none of the image, said', { health: ['NONE'] }, {}, null],
  ["the image's words", { health: ['CMD', 'a', 'b'] }, {}, ['a', 'b']],
  ["the image's text", { health: ['CMD-SHELL', 'a && b'] }, {}, ['/bin/sh', '-c', 'a && b']],
  [
    'its own shell',
    { health: ['CMD-SHELL', 'a'], shell: ['/bin/bash', '-ec'] },
    {},
    ['/bin/bash', '-ec', 'a']
  ],
  ['another text', { health: ['CMD', 'a'] }, { health: ['CMD-SHELL', 'b'] }, ['/bin/sh', '-c', 'b']],
  ["no words, which are the image's", { health: ['CMD', 'a'] }, { health: [] }, ['a']],
  ['other words', { health: ['CMD-SHELL', 'a'] }, { health: ['CMD', 'b', 'c'] }, ['b', 'c']],
  ['none, asked for', { health: ['CMD', 'a'] }, { health: ['NONE'] }, null]
])('a health check: %s', (_what, image, given, words) => {
  const { health } = launched({ command: C, ...image }, given)
  expect(health).toEqual(words === null ? null : ['CMD', ...by, ...words])
})

test('the command can be replaced as compose run does it, and the entrypoint stays the launcher with that of the image', () => {
  expect(launched({ entrypoint: E, command: C })).toMatchObject({ entrypoint: [...by, ...E], command: C })
})

test('an image that was committed from a container with variables is as it was before', () => {
  const committed = {
    entrypoint: ['/run/secretbox/launcher'],
    command: ['/run/secretbox/env/1/old', '--', ...E, ...C]
  }
  const { entrypoint, command } = launched(committed)
  expect([...entrypoint, ...command]).toEqual([...by, ...E, ...C])
  expect(
    launched({ ...committed, health: ['CMD', '/run/secretbox/launcher', 'old', '--', 'a'] }).health
  ).toEqual(['CMD', ...by, 'a'])
  const text = `exec '/run/secretbox/launcher' 'old' '--' 'a'`
  expect(launched({ ...committed, health: ['CMD-SHELL', text] }).health).toBeNull()
})

test('a check becomes the text of a shell', () => {
  expect(shellText(['a b', "it's", '$x', ''], bare)).toBe(String.raw`exec 'a b' 'it'\''s' '$x' ''`)
  expect(() => shellText(['a'], { shell: ['/usr/bin/python3', '-c'] })).toThrow(
    'cannot give the image\'s health check its variables: --health-cmd is run by a shell, and its SHELL is "/usr/bin/python3"'
  )
})
