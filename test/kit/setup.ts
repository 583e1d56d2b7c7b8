export { buildForTests as default } from './built.ts'
