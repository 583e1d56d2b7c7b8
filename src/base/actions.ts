/**
 * What can be asked, and what the audit tells of. `box.reveal` gives contents to the caller, `box.mount` to a container,
 * `box.serve` to a service of a swarm.
 */
export const actions = [
  'box.list',
  'box.inspect',
  'box.create',
  'box.destroy',
  'box.rename',
  'box.change',
  'box.reveal',
  'box.mount',
  'box.serve',
  'copy.attach',
  'copy.wipe',
  'volume.list',
  'volume.create',
  'volume.remove',
  'audit.read',
  'reconcile',
  'status'
] as const
