/** What Compose writes on its containers (docs.docker.com, "Compose labels"). */
export const composeLabels = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  /** Of what a service is, a SHA-256 in hex. */
  configHash: 'com.docker.compose.config-hash'
} as const
