/*
 * What variables of an environment may be, for who reads files of them (docs/environment.md): the daemon, the command line, and
 * the launcher, which has the same in launcher/variables.h.
 */

/** Below it a container has each file of variables, in a directory of its own: `1`, `2` and so on. */
export const variablesDirectory = '/run/secretbox/env'
/** Of all files of one container together, their bytes. */
export const mostEnvBytes = 1 << 20
/** In all files of one container together. */
export const mostVariables = 4096
/** Of `NAME=value` and its NUL (execve(2), MAX_ARG_STRLEN). */
export const mostInVariable = 128 << 10
/** What a variable is called. */
export const variableName = /^[A-Za-z_][A-Za-z0-9_.-]*$/
