// The demo's web server: HTTPS with the key pair, and basic authentication with the password, of its box.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const box = '/run/vault/web'
const key = readFileSync(`${box}/tls/key.pem`)
const cert = readFileSync(`${box}/tls/cert.pem`)
const login = `Basic ${Buffer.from(`demo:${readFileSync(`${box}/password`, 'utf8')}`).toString('base64')}`

createServer({ key, cert }, (request, response) => {
  const welcome = request.headers.authorization === login
  response.writeHead(welcome ? 200 : 401).end(welcome ? 'welcome' : 'wrong password')
}).listen(8443, '127.0.0.1', () => console.log('serving'))
process.on('SIGTERM', () => process.exit(0))
