// Asks the demo's web server twice, trusting its certificate: with the password of the box and with a wrong one.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'

const box = '/run/vault/web'
const ca = readFileSync(`${box}/tls/cert.pem`)

for (const password of [readFileSync(`${box}/password`, 'utf8'), 'guess']) {
  const request = get('https://localhost:8443/', { ca, auth: `demo:${password}` })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  console.log(`${response.statusCode ?? 'no status'} ${(await response.toArray()).join('')}`)
}
