import { expect, test } from 'vitest'
import { rewriteDockerfile, type Rewritten } from '../../src/cli/inject/dockerfile.ts'

function rewrite(lines: readonly string[], target: string | null = null): Rewritten {
  return rewriteDockerfile(lines.join('\n'), { name: 'Dockerfile', runFlags: ' --mount=X', target })
}
const linesOf = (...lines: string[]): string[] => rewrite(lines).text.split('\n')

test('every RUN of every stage gets the flags, in any letters', () => {
  expect(
    linesOf('FROM a AS one', 'RUN echo', 'FROM b', '  run  echo', 'RUN ["echo", "RUN"]', 'CMD RUN')
  ).toEqual([
    'FROM a AS one',
    'RUN --mount=X echo',
    'FROM b',
    '  run --mount=X  echo',
    'RUN --mount=X ["echo", "RUN"]',
    'CMD RUN'
  ])
})

test('continuation lines, comments between them and flags that are there stay', () => {
  const rest = ['  # a comment', '  --mount=type=cache,target=/c \\', '', '  RUN it && \\', '  RUN again']
  expect(linesOf('FROM a', 'RUN --network=none \\', ...rest)).toEqual([
    'FROM a',
    'RUN --mount=X --network=none \\',
    ...rest
  ])
  expect(linesOf('FROM a', 'RUN \\', '  echo')).toEqual(['FROM a', 'RUN --mount=X \\', '  echo'])
})

test('what is in a heredoc is no instruction', () => {
  const heredocs = ['RUN in it', 'BOX no', 'EOF', 'COPY <<-"END" /x', 'RUN no', '\tEND']
  expect(
    linesOf('FROM a', 'RUN <<EOF', ...heredocs, 'RUN 3<<A cat <<B', 'RUN no', 'A', 'RUN no', 'B')
  ).toEqual([
    'FROM a',
    'RUN --mount=X <<EOF',
    ...heredocs,
    'RUN --mount=X 3<<A cat <<B',
    'RUN no',
    'A',
    'RUN no',
    'B'
  ])
})

test('directives stay the first lines, and another escape character is understood', () => {
  const top = ['# syntax=docker/dockerfile:1.4', '# escape=`', '', 'FROM a']
  expect(linesOf(...top, 'RUN dir C:\\', 'BOX ["x", `', ' "y"]', 'RUN a `', ' && RUN b')).toEqual([
    ...top,
    'RUN --mount=X dir C:\\',
    '#',
    '#',
    'RUN --mount=X a `',
    ' && RUN b'
  ])
})

test('line endings of any kind stay as they are', () => {
  const text = 'FROM a\r\nBOX ["x", \\\r\n "y"]\r\nRUN echo\r\n'
  const { text: rewritten } = rewriteDockerfile(text, { name: 'D', runFlags: ' --mount=X', target: null })
  expect(rewritten).toBe('FROM a\r\n#\r\n#\r\nRUN --mount=X echo\r\n')
})

test('what ONBUILD keeps for another build stays', () => {
  expect(linesOf('FROM a', 'ONBUILD RUN echo', 'ONBUILD COPY . .')).toEqual([
    'FROM a',
    'ONBUILD RUN echo',
    'ONBUILD COPY . .'
  ])
})

test('without boxes and BOX a Dockerfile stays as it is', () => {
  const text = '\ufeff# a comment\nFROM a\nRUN <<E cat\nRUN\nE\nHEALTHCHECK CMD RUN\nFROM b'
  expect(rewriteDockerfile(text, { name: 'Dockerfile', runFlags: '', target: null })).toEqual({
    text,
    boxes: [],
    base: 'b'
  })
})

test('both forms of BOX are understood and leave an empty comment', () => {
  const { text, boxes } = rewrite(['FROM a', 'BOX db', 'box [ "tls" , "a b" ]', 'BOX db', 'BOX \\', '  last'])
  expect(text).toBe('FROM a\n#\n#\n#\n#\n#')
  expect(boxes).toEqual(['db', 'tls', 'a b', 'last'])
})

const stages = [
  'ARG V=1',
  'FROM --platform=linux/amd64 registry:5000/base:1 AS Base',
  'BOX base',
  'FROM base AS other',
  'BOX other',
  'FROM scratch AS empty',
  'BOX empty',
  'FROM app:$V AS unknown',
  'FROM Base',
  'BOX last'
]

test.each([
  [null, ['base', 'last'], 'registry:5000/base:1'],
  ['other', ['base', 'other'], 'registry:5000/base:1'],
  ['BASE', ['base'], 'registry:5000/base:1'],
  ['2', ['empty'], 'scratch'],
  ['unknown', [], null],
  ['nowhere', [], 'scratch']
])('the target %j asks for %j, on base %j', (target, boxes, base) => {
  expect(rewrite(stages, target)).toMatchObject({ boxes, base })
})

test('a stage that is called like its base image is not its own base', () => {
  expect(rewrite(['FROM web AS web', 'BOX a', 'FROM web AS web', 'BOX b'])).toMatchObject({
    boxes: ['a', 'b'],
    base: 'web'
  })
})

test.each([
  [['BOX db', 'FROM a'], 'bad BOX at Dockerfile:1: it stands before the first FROM'],
  [['FROM a', 'BOX'], 'bad BOX at Dockerfile:2: it names no box'],
  [['FROM a', 'BOX a b'], 'bad BOX at Dockerfile:2: it takes one name, or names in a JSON array'],
  [['FROM a', '', 'BOX ["a"'], 'bad BOX at Dockerfile:3: "[\\"a\\"" is not JSON'],
  [['FROM a', 'BOX []'], 'bad BOX at Dockerfile:2: the array must hold names of boxes'],
  [['FROM a', 'BOX ["a", 1]'], 'bad BOX at Dockerfile:2: the array must hold names of boxes'],
  [['FROM a', 'BOX a/b'], 'bad BOX at Dockerfile:2: bad box name "a/b": it contains "/"'],
  [
    ['FROM a', 'ONBUILD BOX a'],
    'bad BOX at Dockerfile:2: another build could not understand it: write BOX into the Dockerfile of that build'
  ]
])('%j is refused: %s', (lines, message) => {
  expect(() => rewrite(lines)).toThrow(message)
})
