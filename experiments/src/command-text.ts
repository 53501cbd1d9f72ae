/** @file The command that runs an experiment again, for its report. */

/**
 * Names what is not the default, an option a line.
 *
 * @param name - of the experiment, and of the folder
 * @param options - of the command, and the settings that they set
 */
export function commandOf<Config extends object>(
  name: string,
  options: Readonly<Record<string, keyof Config>>,
  config: Config,
  defaults: Config,
): string {
  const told = Object.entries(options).flatMap(([option, setting]) => {
    const [value, usual] = [String(config[setting]), String(defaults[setting])];
    return value === usual ? [] : [`--${option} ${value}`];
  });
  return [`npm run experiment -- ${name} -o ${name}`, ...told].join(" \\\n  ");
}
