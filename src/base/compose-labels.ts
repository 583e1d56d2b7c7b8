/** What Compose writes on its containers and volumes (docs.docker.com, "Compose labels"). */
export const composeLabels = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  /** What the project calls a volume. */
  volume: 'com.docker.compose.volume',
  /** Of what a service is, a SHA-256 in hex. */
  configHash: 'com.docker.compose.config-hash'
} as const
