import { jsonType } from './media-types.ts'
import type { Operation } from './operation.ts'
import { NoStore } from './parameters.ts'
import { SecretEnvironment, SecretMounts, Self, TokenAnswer, TokenRequest } from './container.ts'

const none = { query: {}, headers: {}, bodies: {}, answerHeaders: { 'Cache-Control': NoStore } } as const

/** What can be asked at the socket of a copy; docs/openapi-container.yaml says the same for people. */
export const containerOperations = {
  describeSelf: {
    ...none,
    method: 'GET',
    path: '/v1/self',
    answers: { 200: { [jsonType]: Self } },
    refusals: [400]
  },
  listSecretMounts: {
    ...none,
    method: 'GET',
    path: '/v1/secret_mounts',
    answers: { 200: { [jsonType]: SecretMounts } },
    refusals: [400, 404, 413]
  },
  listSecretEnvironment: {
    ...none,
    method: 'GET',
    path: '/v1/secret_environment',
    answers: { 200: { [jsonType]: SecretEnvironment } },
    refusals: [400, 404, 409, 413]
  },
  issueToken: {
    ...none,
    method: 'POST',
    path: '/v1/token',
    bodies: { [jsonType]: TokenRequest },
    answers: { 200: { [jsonType]: TokenAnswer } },
    refusals: [400, 413]
  }
} as const satisfies Readonly<Record<string, Operation>>
