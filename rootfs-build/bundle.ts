import { join } from 'node:path'
import { build, type BuildOptions, type BuildResult, type Plugin } from 'esbuild'

/** Where the bundler starts from; paths in the bundle are relative to it, so they do not depend on the checkout's place. */
export const projectRoot = join(import.meta.dirname, '..')

/**
 * Modules that the daemon's packages load but that nothing here calls. The bundler takes them for empty.
 * dockerode has its own for ssh:// hosts, BuildKit sessions and build contexts; iconv-lite has tables for the encodings of
 * countries, while JSON comes in UTF-8, 16 or 32 alone; zod has its messages in fifty languages besides English.
 */
const leftOut = [
  'ssh2/',
  '@grpc/',
  'protobufjs/',
  'tar-fs/',
  '@balena/dockerignore/',
  'iconv-lite/encodings/(dbcs|sbcs)-data',
  'zod/v4/locales/index.js'
]

const withoutUnusedModules: Plugin = {
  name: 'without-unused-modules',
  setup(bundler) {
    const filter = new RegExp(`/node_modules/(${leftOut.join('|')})`)
    bundler.onLoad({ filter }, () => ({ contents: '', loader: 'empty' }))
  }
}

/**
 * An ES import of a Node module evaluates all that it exports; for node:http that loads a whole HTTP client
 * and costs the idle daemon 12 MiB. Required modules load their parts when they are used.
 */
const requiredNodeModules: Plugin = {
  name: 'required-node-modules',
  setup(bundler) {
    bundler.onResolve({ filter: /^node:/ }, found =>
      found.kind === 'import-statement' ? { path: found.path, namespace: 'node-module' } : { external: true }
    )
    bundler.onLoad({ filter: /.*/, namespace: 'node-module' }, found => ({
      contents: `module.exports = require('${found.path}')`
    }))
  }
}

const shared = {
  absWorkingDir: projectRoot,
  bundle: true,
  platform: 'node',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning'
} satisfies BuildOptions

/**
 * Bundles the daemon into the one ES module `outFile`. koffi's own loader stays as it is: it requires
 * `@koromix/koffi-linux-<arch>`, which the rootfs therefore holds in a `node_modules` beside the bundle. The
 * fault points of src/base/fault-points.ts are in it only when asked for, by tests. Gives the modules that are in it.
 */
export async function bundleDaemon(
  entry: string,
  outFile: string,
  options: { faultPoints: boolean } = { faultPoints: false }
): Promise<readonly string[]> {
  const result = await build({
    ...shared,
    entryPoints: [entry],
    outfile: outFile,
    format: 'esm',
    target: 'node24',
    // Names stay, for the log's stack traces; the rest of the text would only be kept in memory.
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [withoutUnusedModules, requiredNodeModules],
    // dockerode's streams are then Node's own, of which that package is a copy.
    alias: { 'readable-stream': 'node:stream' },
    dropLabels: options.faultPoints ? [] : ['FAULT'],
    // CommonJS packages in an ES module still call require() for Node's own modules.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'\nconst require = requireFrom(import.meta.url)"
    }
  })
  return modulesIn(result)
}

/**
 * Bundles the CLI into the one CommonJS file `outFile`. koffi's own loader looks for `@koromix/koffi-linux-<arch>` in a
 * `node_modules` beside it. Gives the modules that are in it.
 */
export async function bundleCli(outFile: string, entry = 'src/cli/main.ts'): Promise<readonly string[]> {
  const result = await build({
    ...shared,
    entryPoints: [entry],
    outfile: outFile,
    format: 'cjs',
    target: 'node20',
    // koffi's loader asks where it lies, which a CommonJS file says in another way.
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href" }
  })
  return modulesIn(result)
}

function modulesIn({ metafile }: BuildResult<{ metafile: true }>): string[] {
  const bundled = Object.values(metafile.outputs).flatMap(output => Object.keys(output.inputs))
  // What is left out is in the list, too, without a byte.
  return bundled.filter(path => (metafile.inputs[path]?.bytes ?? 0) > 0)
}
