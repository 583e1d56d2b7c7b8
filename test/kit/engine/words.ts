import { engineVersions, type Saying } from '../../../src/engine/words.ts'
import type { Engine } from './engine.ts'

/*
 * What Docker's programs say and leave, where tests go by it; what the plugin itself goes by is in `src/engine/words.ts`, and
 * docs/engine-facts.md shows both side by side. A version stands for the clients, the Compose and the runc that Debian has with
 * it: Compose 1.29, 2.26 and 2.40; runc 1.1, 1.1 and 1.3. `…` stands for anything.
 */
const everywhere = engineVersions

/** Messages that the README explains; test/engine/readme.test.ts brings each about. */
export const explained = [
  {
    means: 'a volume is wanted while its plugin is disabled',
    says: 'plugin secretbox found but disabled',
    seenOn: everywhere
  },
  {
    means: 'a plugin with volumes is to be disabled',
    says: 'plugin secretbox:latest is in use',
    seenOn: everywhere
  },
  {
    means: 'something of an enabled plugin is to be set',
    says: 'cannot set on an active plugin',
    seenOn: everywhere
  },
  {
    means: 'a directory of the plugin is missing when it is enabled',
    says: 'error mounting "…" to rootfs at "/etc/secretbox"',
    seenOn: ['20.10.24', '26.1.5']
  },
  {
    means: 'a directory of the plugin is missing when it is enabled',
    says: 'failed to fulfil mount request: open …: no such file or directory',
    seenOn: ['28.5.2']
  },
  {
    means: 'an empty copy is to be where the image of a new container has files',
    says: 'failed to chmod on …: read-only file system',
    seenOn: everywhere
  },
  {
    means: 'compose meets the volume of a `driver: secretbox` again',
    says: 'specifies driver secretbox, but a volume with the same name uses a different driver',
    seenOn: ['20.10.24']
  },
  {
    means: 'a mount names a volume that the driver `local` has',
    says: "driver 'local' already has volume '…'",
    seenOn: everywhere
  }
] as const satisfies readonly Saying<string>[]

/** The version of the table above whose first number an Engine has; of one that is none of them, the newest. */
export async function versionOf(engine: Engine): Promise<(typeof engineVersions)[number]> {
  const running = await engine.docker(['version', '--format', '{{.Server.Version}}'])
  const major = (version: string): string | undefined => version.split('.')[0]
  return engineVersions.find(version => major(version) === major(running)) ?? '28.5.2'
}
