import { beforeAll, expect, test } from 'vitest'
import { standIns } from './stand-ins.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, runHere } = useCli()
beforeAll(async () => {
  await run(['create', 'web'])
  await run(['put', 'web', 'certs/key.pem'], { input: 'x' })
})

const reading = [
  ['read', 'BOX:foo'],
  ['read', 'BOX'],
  ['destroy', 'BOX'],
  ['diff', 'BOX'],
  ['versions', 'BOX'],
  ['rollback', 'BOX', '1'],
  ['inspect', 'BOX'],
  ['list', 'BOX'],
  ['list', '--boxes', 'BOX'],
  ['used-by', 'BOX'],
  ['remove', 'BOX', 'foo'],
  ['cp', 'BOX:foo', '-'],
  ['run', '--inject', 'BOX', 'image']
]

async function hintOf(args: readonly string[], box: string): Promise<string> {
  const { env } = await standIns('exit 0', { image: {} })
  const { code, stderr } = await runHere(
    args.map(word => word.replace('BOX', box)),
    { env, input: '' }
  )
  expect(code).toBe(1)
  expect(stderr).toContain(`error: no such box "${box}"\n`)
  return stderr.slice(stderr.indexOf('hint: '))
}

test('a command that is to be pasted is quoted for a shell', async () => {
  const hint = async (...args: string[]): Promise<string> => {
    const { stderr } = await runHere(args, { env: {}, input: 'x' })
    return stderr.slice(stderr.indexOf('hint: '))
  }
  expect(await hint('put', 'a $b', 'x')).toBe("hint: create it with: docker vault create 'a $b'\n")
  expect(await hint('put', "it's", 'x')).toBe("hint: create it with: docker vault create 'it'\\''s'\n")
  expect(await hint('remove', 'a b')).toBe(
    `hint: write "a b:PATH"; to remove the box itself: docker-vault destroy 'a b'\n`
  )
  expect(await hint('put', '--', '-x', 'y')).toBe('hint: create it with: docker vault create -- -x\n')
})

test.each(reading)('%s %s, which only reads, reminds of a box and never has one created', async (...args) => {
  expect(await hintOf(args, 'wbe')).toBe('hint: did you mean "web"?\n')
  expect(await hintOf(args, 'web@3')).toBe('hint: did you mean "web"?\n')
  expect(await hintOf(args, 'nosuch')).toBe('hint: docker vault list --boxes shows those that there are\n')
})

test.each([
  ['add', 'BOX', '/etc/hostname'],
  ['cp', '/etc/hostname', 'BOX:'],
  ['put', '-g', 'BOX', 'foo'],
  ['edit', 'BOX:foo']
])('%s, which fills a box, says how to create it', async (...args) => {
  expect(await hintOf(args, 'wbe')).toBe(
    'hint: did you mean "web"? if not, create it with: docker vault create wbe\n'
  )
  expect(await hintOf(args, 'nosuch')).toBe('hint: create it with: docker vault create nosuch\n')
})

test.each([
  ['read', 'web:certs/kye.pem', 'certs/key.pem'],
  ['read', 'web:key.pem', 'certs/key.pem'],
  ['remove', 'web key.pem', 'certs/key.pem'],
  ['remove', 'web crets', 'certs'],
  ['cp', 'web:certs/kye.pem -', 'web:certs/key.pem']
])('%s %s reminds of %s', async (verb, words, meant) => {
  const { code, stderr } = await run([verb, ...words.split(' ')])
  expect(code).toBe(1)
  expect(stderr).toContain(`\nhint: did you mean "${meant}"?\n`)
})
