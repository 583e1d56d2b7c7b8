import { join } from 'node:path'
import { build, type BuildOptions, type Plugin } from 'esbuild'

/** Where the bundler starts from; paths in the bundle are relative to it, so they do not depend on the checkout's place. */
export const projectRoot = join(import.meta.dirname, '..')

/**
 * Parts of dockerode that only serve ssh:// hosts, BuildKit sessions and build contexts. Nothing here uses
 * them, and they are four fifths of its weight; instead of them the bundle gets a module that says so when called.
 */
const leftOut = [
  'ssh2',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'protobufjs',
  'tar-fs',
  '@balena/dockerignore'
]

const withoutUnusedPackages: Plugin = {
  name: 'without-unused-packages',
  setup(bundler) {
    const names = leftOut.map(name => name.replaceAll('/', '\\/')).join('|')
    bundler.onResolve({ filter: new RegExp(`^(${names})$`) }, found => ({
      path: found.path,
      namespace: 'left-out'
    }))
    bundler.onLoad({ filter: /.*/, namespace: 'left-out' }, left => ({
      contents: `module.exports = new Proxy(function () {}, {
        get: () => module.exports,
        apply() { throw new Error('not supported: ${left.path} is left out of this program') },
        construct() { throw new Error('not supported: ${left.path} is left out of this program') }
      })`
    }))
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

/** zod's messages in fifty languages; English is a part of its core. */
const withoutLocales: Plugin = {
  name: 'without-locales',
  setup(bundler) {
    bundler.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({ contents: 'export {}' }))
  }
}

const shared = {
  absWorkingDir: projectRoot,
  bundle: true,
  platform: 'node',
  legalComments: 'none',
  logLevel: 'warning'
} satisfies BuildOptions

/**
 * Bundles the daemon into the one ES module `outFile`. koffi's own loader stays as it is: it requires
 * `@koromix/koffi-linux-<arch>`, which the rootfs therefore holds in a `node_modules` beside the bundle. The
 * fault points of src/base/fault-points.ts are in it only when asked for, by tests.
 */
export async function bundleDaemon(
  entry: string,
  outFile: string,
  options: { faultPoints: boolean } = { faultPoints: false }
): Promise<void> {
  await build({
    ...shared,
    entryPoints: [entry],
    outfile: outFile,
    format: 'esm',
    target: 'node24',
    // Names stay, for the log's stack traces; the rest of the text would only be kept in memory.
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [withoutUnusedPackages, requiredNodeModules, withoutLocales],
    dropLabels: options.faultPoints ? [] : ['FAULT'],
    // CommonJS packages in an ES module still call require() for Node's own modules.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'\nconst require = requireFrom(import.meta.url)"
    }
  })
}

/**
 * Bundles the CLI into the one CommonJS file `outFile`. koffi's own loader looks for `@koromix/koffi-linux-<arch>` in a
 * `node_modules` beside it.
 */
export async function bundleCli(outFile: string): Promise<void> {
  await build({
    ...shared,
    entryPoints: ['src/cli/main.ts'],
    outfile: outFile,
    format: 'cjs',
    target: 'node20',
    plugins: [withoutUnusedPackages],
    // koffi's loader asks where it lies, which a CommonJS file says in another way.
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href" }
  })
}
