/*
 * A process that opens the store named by its argument, says `open` or the code and message of its error, and then
 * commits pairs of records, saying the number of each pair once it is committed, until it is killed or stdin ends.
 */
import { isSecretboxError } from '../../src/base/errors.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

const [path = '', pairs = '0'] = process.argv.slice(2)
const ended = new Promise(resolve => process.stdin.once('end', resolve).resume())
try {
  const store = await openSqliteStore(path, { create: true })
  process.stdout.write('open\n')
  for (let i = 1; i <= Number(pairs); i++) {
    const value = Buffer.alloc(20_000, i)
    await store.commit([
      { put: `left/${i}`, value },
      { put: `right/${i}`, value },
      { put: 'last', value: Buffer.from(String(i)) }
    ])
    process.stdout.write(`${i}\n`)
  }
  await ended
  await store.close()
} catch (error) {
  if (!isSecretboxError(error)) throw error
  process.stdout.write(`${error.code}: ${error.message}\n`)
}
