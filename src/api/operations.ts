import { auditOperations } from './audit-operations.ts'
import { BoxList, BoxListing, BoxVersions, CreatedBox, DestroyedBox } from './boxes.ts'
import { Change, Patch } from './changes.ts'
import { PublicIdentity } from './identity.ts'
import { CanAnswer, DiscardedGrant, Grant, GrantList, GrantWish, RevokeWish, Revoked } from './grants.ts'
import { Injected, ToInject } from './injected.ts'
import { keyslotOperations } from './keyslot-operations.ts'
import { fileType, jsonType, tarType } from './media-types.ts'
import { none, type Operation } from './operation.ts'
import {
  BoxToAsk,
  ContentLength,
  EntryType,
  Groups,
  YesNo,
  IfMatch,
  IfNoneMatch,
  Mode,
  NameOfBox,
  NameOfType,
  NoStore,
  NumberOfUser,
  Pairs,
  PathInBox,
  RecordOfGrant,
  Reveal,
  RightToAsk,
  SubjectToAsk,
  UuidOfBox,
  VersionTag,
  WholeNumber,
  Words
} from './parameters.ts'
import { Status } from './status.ts'
import { TypeList } from './types.ts'
import { Prune, Pruned, Reconciled, Unused, VolumeList } from './volumes.ts'

const ofVersions = { ETag: VersionTag, 'Cache-Control': NoStore } as const
const change = { 200: { [jsonType]: Change } } as const
const ofBoxes = [400, 404, 409] as const
const ofChanges = [400, 404, 409, 412, 413] as const

/** All that the admin API can be asked; docs/openapi.yaml says the same for people. */
export const operations = {
  listBoxes: {
    ...none,
    method: 'GET',
    path: '/vault/',
    query: { uuid: UuidOfBox, owner: NumberOfUser, name: NameOfBox, fields: YesNo },
    answers: { 200: { [jsonType]: BoxList } },
    refusals: [400]
  },
  readBox: {
    ...none,
    method: 'GET',
    path: '/vault/{box}/',
    query: { version: WholeNumber, digests: YesNo },
    headers: { Accept: Words },
    answers: { 200: { [jsonType]: BoxListing, [tarType]: null } },
    answerHeaders: ofVersions,
    refusals: ofBoxes
  },
  headBox: {
    ...none,
    method: 'HEAD',
    path: '/vault/{box}/',
    query: { version: WholeNumber, digests: YesNo },
    headers: { Accept: Words },
    answers: { 200: {} },
    answerHeaders: ofVersions,
    refusals: [400, 404]
  },
  putBox: {
    method: 'PUT',
    path: '/vault/{box}/',
    query: { in: PathInBox, type: NameOfType, scope: Pairs, reveal: Reveal },
    headers: { 'If-Match': IfMatch, 'If-None-Match': IfNoneMatch },
    bodies: { [tarType]: null },
    answers: { 200: { [jsonType]: Change }, 201: { [jsonType]: CreatedBox } },
    answerHeaders: ofVersions,
    refusals: ofChanges
  },
  changeBox: {
    ...none,
    method: 'PATCH',
    path: '/vault/{box}/',
    headers: { 'If-Match': IfMatch },
    bodies: { [jsonType]: Patch },
    answers: change,
    answerHeaders: ofVersions,
    refusals: ofChanges
  },
  destroyBox: {
    ...none,
    method: 'DELETE',
    path: '/vault/{box}/',
    query: { force: YesNo },
    headers: { 'If-Match': IfMatch },
    answers: { 200: { [jsonType]: DestroyedBox } },
    refusals: [400, 404, 409, 412]
  },
  readFile: {
    ...none,
    method: 'GET',
    path: '/vault/{box}/{path}',
    query: { version: WholeNumber },
    headers: { Accept: Words },
    answers: { 200: { [fileType]: null, [tarType]: null } },
    answerHeaders: { ...ofVersions, 'Content-Length': ContentLength },
    refusals: ofBoxes
  },
  headFile: {
    ...none,
    method: 'HEAD',
    path: '/vault/{box}/{path}',
    query: { version: WholeNumber },
    headers: { Accept: Words },
    answers: { 200: {} },
    answerHeaders: { ...ofVersions, 'Content-Length': ContentLength },
    refusals: [400, 404]
  },
  putEntry: {
    method: 'PUT',
    path: '/vault/{box}/{path}',
    query: { type: EntryType, mode: Mode },
    headers: { 'If-Match': IfMatch, 'If-None-Match': IfNoneMatch },
    bodies: { [fileType]: null },
    answers: change,
    answerHeaders: ofVersions,
    refusals: ofChanges
  },
  removeEntry: {
    ...none,
    method: 'DELETE',
    path: '/vault/{box}/{path}',
    query: { recursive: YesNo },
    headers: { 'If-Match': IfMatch },
    answers: change,
    answerHeaders: ofVersions,
    refusals: ofChanges
  },
  listVersions: {
    ...none,
    method: 'GET',
    path: '/versions/{box}/',
    answers: { 200: { [jsonType]: BoxVersions } },
    refusals: [400, 404]
  },
  listTypes: { ...none, method: 'GET', path: '/types', answers: { 200: { [jsonType]: TypeList } } },
  listVolumes: { ...none, method: 'GET', path: '/volumes/', answers: { 200: { [jsonType]: VolumeList } } },
  listGrants: {
    ...none,
    method: 'GET',
    path: '/grants',
    query: { box: NameOfBox },
    answers: { 200: { [jsonType]: GrantList } },
    refusals: [400]
  },
  grant: {
    ...none,
    method: 'POST',
    path: '/grants',
    bodies: { [jsonType]: GrantWish },
    answers: { 200: { [jsonType]: Grant } },
    refusals: [400, 404, 413]
  },
  discardGrant: {
    ...none,
    method: 'DELETE',
    path: '/grants',
    query: { record: RecordOfGrant },
    answers: { 200: { [jsonType]: DiscardedGrant } },
    refusals: [400, 404, 409]
  },
  revoke: {
    ...none,
    method: 'POST',
    path: '/revoke',
    bodies: { [jsonType]: RevokeWish },
    answers: { 200: { [jsonType]: Revoked } },
    refusals: [400, 404, 413]
  },
  can: {
    ...none,
    method: 'GET',
    path: '/can',
    query: { subject: SubjectToAsk, right: RightToAsk, box: BoxToAsk, groups: Groups },
    answers: { 200: { [jsonType]: CanAnswer } },
    refusals: [400]
  },
  ...keyslotOperations,
  listUnused: {
    ...none,
    method: 'GET',
    path: '/unused',
    query: { all: YesNo },
    answers: { 200: { [jsonType]: Unused } },
    refusals: [400]
  },
  prune: {
    ...none,
    method: 'POST',
    path: '/prune',
    bodies: { [jsonType]: Prune },
    answers: { 200: { [jsonType]: Pruned } },
    refusals: [400, 413]
  },
  describeInjected: {
    ...none,
    method: 'POST',
    path: '/injected',
    bodies: { [jsonType]: ToInject },
    answers: { 200: { [jsonType]: Injected } },
    refusals: [400, 404, 409, 413]
  },
  reconcile: {
    ...none,
    method: 'POST',
    path: '/reconcile',
    query: { apply: YesNo },
    answers: { 200: { [jsonType]: Reconciled } },
    refusals: [400]
  },
  status: { ...none, method: 'GET', path: '/status', answers: { 200: { [jsonType]: Status } } },
  showIdentity: {
    ...none,
    method: 'GET',
    path: '/identity',
    answers: { 200: { [jsonType]: PublicIdentity } },
    refusals: [400]
  },
  ...auditOperations
} as const satisfies Readonly<Record<string, Operation>>

/** The methods that a path takes, in the order of the list; HEAD is answered wherever GET is. */
export function methodsAt(path: string): string[] {
  const methods = Object.values(operations).flatMap(each =>
    each.path !== path ? [] : each.method === 'GET' ? ['GET', 'HEAD'] : [each.method]
  )
  return [...new Set(methods)]
}
