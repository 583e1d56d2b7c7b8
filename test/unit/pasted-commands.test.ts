import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { grantCommand } from '../../src/base/messages.ts'
import { parseBoxName, parseVolumeName } from '../../src/base/names.ts'
import { refusalOfUse } from '../../src/lifecycle/refused-use.ts'
import { parseBoxPattern } from '../../src/vault/access/box-pattern.ts'

const names = ['db', 'two words', "o'clock", '$(reboot)', 'a*', 'back\\slash', '-f', 'a;b']

/** The words that a shell makes of a command. */
function wordsOf(command: string): string[] {
  return execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1)
}

test.each(names)('the command that grants box %j is about that box, and no other', name => {
  const box = parseBoxName(name)
  const words = wordsOf(grantCommand(box, 'image:a:1', 'use')).filter(word => word !== '--')
  expect(words).toEqual(['docker', 'vault', 'grant', expect.any(String), 'image:a:1', 'use'])
  expect(parseBoxPattern(words[3] ?? '').name).toBe(box)
})

test('what refuses a container names commands that can be pasted', () => {
  const web = { id: '1'.repeat(64), name: 'web', image: 'app:$(x)', imageId: 'sha256:1', platform: null }
  const refused = refusalOfUse(
    { box: parseBoxName('a *'), volume: parseVolumeName('v') },
    { do: 'refuse', why: 'ungranted', whom: [{ ...web, digests: [], labels: {}, ofImage: null }] }
  )
  expect(refused.hint).toBe(
    "docker vault grant 'a \\*' image:sha256:1 use (that very image), or " +
      "docker vault grant 'a \\*' 'image:app:$(x)' use (whatever is called so)"
  )
})
