/** The one file of the command line that reads the environment. */
export const environmentVariable = (name: string): string | undefined => {
  const value = process.env[name]
  return value === undefined || value === '' ? undefined : value
}
