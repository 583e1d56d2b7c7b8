import packageJson from '../../package.json' with { type: 'json' }

/** What the plugin says of itself, in `docker --help` and in its own. */
export const description = 'Keep secrets in encrypted boxes and give them to containers'

/** Docker asks a file named `docker-…` for this before it takes it for a plugin (docker/cli, cli-plugins/metadata). */
export const metadata = {
  SchemaVersion: '0.1.0',
  Vendor: 'secretbox',
  Version: packageJson.version,
  ShortDescription: description
}
