/**
 * What can be asked, and what the audit tells of. `box.own` gives a box to somebody else. `box.compare` tells which contents
 * are equal, `box.reveal` gives contents to the caller, `box.mount` to a container,
 * `box.answer` to one that asks at the socket of its copy, `box.serve` to a service of a swarm; `box.use` tells who is about to
 * give a box to a container what that needs to be told. `copy.describe` tells a container of its own copy, `token.issue` gives
 * it a token that says which it is, `identity.show` anybody the public keys for such tokens. `keyslot.test` tells whether something
 * opens a keyslot. `vault.rotate` makes the root key another, `box.rotate` that of a box. `grant.discard` takes away a record of a
 * grant that cannot be read any more.
 */
export const actions = [
  'box.list',
  'box.inspect',
  'box.create',
  'box.destroy',
  'box.rename',
  'box.own',
  'box.rotate',
  'box.change',
  'box.compare',
  'box.reveal',
  'box.use',
  'box.mount',
  'box.answer',
  'box.serve',
  'copy.describe',
  'token.issue',
  'identity.show',
  'copy.attach',
  'copy.wipe',
  'copy.withdraw',
  'volume.list',
  'volume.create',
  'volume.remove',
  'type.list',
  'audit.read',
  'grant.list',
  'grant.ask',
  'grant.add',
  'grant.revoke',
  'grant.discard',
  'keyslot.list',
  'keyslot.add',
  'keyslot.replace',
  'keyslot.remove',
  'keyslot.test',
  'vault.rotate',
  'vault.seal',
  'vault.unseal',
  'reconcile',
  'status'
] as const
