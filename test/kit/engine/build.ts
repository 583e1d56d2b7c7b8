export { buildForEngines as default } from '../built.ts'
