/** Where copies are mounted unless it is set otherwise. */
export const defaultCopiesDir = '/mnt/secretbox'
