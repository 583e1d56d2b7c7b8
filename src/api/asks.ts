import type { actions } from '../base/actions.ts'
import type { operations } from './operations.ts'

type Action = (typeof actions)[number]

/** What is asked for by each operation; which of several, the request says. */
export const asks = {
  listBoxes: ['box.list'],
  readBox: ['box.inspect', 'box.compare', 'box.reveal'],
  headBox: ['box.inspect', 'box.compare'],
  putBox: ['box.create', 'box.change'],
  changeBox: ['box.change', 'box.rename', 'box.own'],
  destroyBox: ['box.destroy'],
  readFile: ['box.reveal'],
  headFile: ['box.inspect'],
  putEntry: ['box.change'],
  removeEntry: ['box.change'],
  listVersions: ['box.inspect'],
  listTypes: ['type.list'],
  listVolumes: ['volume.list'],
  listGrants: ['grant.list'],
  grant: ['grant.add'],
  revoke: ['grant.revoke'],
  discardGrant: ['grant.discard'],
  can: ['grant.ask'],
  listUnused: ['volume.list'],
  prune: ['volume.remove', 'box.destroy'],
  describeInjected: ['box.use'],
  listKeyslots: ['keyslot.list'],
  addKeyslot: ['keyslot.add'],
  replaceKeyslot: ['keyslot.replace'],
  removeKeyslot: ['keyslot.remove'],
  testKeyslot: ['keyslot.test'],
  rotateRoot: ['vault.rotate'],
  rotateBox: ['box.rotate'],
  seal: ['vault.seal'],
  unseal: ['vault.unseal'],
  reconcile: ['reconcile'],
  status: ['status'],
  showIdentity: ['identity.show'],
  readAudit: ['audit.read']
} as const satisfies Readonly<Record<keyof typeof operations, readonly [Action, ...Action[]]>>
