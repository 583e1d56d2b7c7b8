/** How contents travel: a file as it is, a tree as tar. */
export const fileType = 'application/octet-stream'
export const tarType = 'application/x-tar'
export const jsonType = 'application/json'
/** JSON, a line for each item as they are read. */
export const linesType = 'application/x-ndjson'
