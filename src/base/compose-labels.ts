/** What Compose writes on its containers (docs.docker.com, "Compose labels"). */
export const composeLabels = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service'
} as const
