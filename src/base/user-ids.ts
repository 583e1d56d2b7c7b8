/** The highest number of a user or a group: uid_t and gid_t have 32 bits, and the last is nobody's (chown(2)). */
export const maxId = 0xffff_fffe
