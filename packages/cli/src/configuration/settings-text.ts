import { environmentName, type SettingDescription, settings } from './settings.js';

function byGroup(): ReadonlyMap<string, readonly [string, SettingDescription][]> {
  const groups = new Map<string, [string, SettingDescription][]>();
  for (const row of settings) groups.set(row[1].group, [...(groups.get(row[1].group) ?? []), row]);
  return groups;
}

/** Breaks a text into lines of at most `width` characters. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** All settings, for the help. */
export function settingsHelp(): string {
  const sections = [...byGroup()].map(([group, rows]) => {
    const entries = rows.map(([key, { summary, allowed, initialText }]) => {
      const text = wrap(`${summary} Allowed: ${allowed}. Default: ${initialText}.`, 92);
      return `  ${environmentName(key)}\n${text.map((line) => `      ${line}`).join('\n')}`;
    });
    return `${group}\n${entries.join('\n')}`;
  });
  return `Settings

  Each has a name in the environment, as below, and one in the configuration file: UWS_DATA_DIR is data_dir.
  The command line beats the environment, the environment the file. An empty variable counts as unset.

  UWS_CONFIG
      Path of the configuration file: JSON, an ES module (.mjs) with the configuration as its default
      export, or the config.json of the old service. Default: none.

${sections.join('\n\n')}
`;
}

/** All settings as a table in Markdown, for the documentation. */
export function settingsTable(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const sections = [...byGroup()].map(([group, rows]) => {
    const lines = rows.map(
      ([key, { summary, allowed, initialText }]) =>
        `| \`${key}\` | \`${environmentName(key)}\` | ${cell(summary)} Allowed: ${cell(allowed)}. | ${cell(initialText)} |`,
    );
    return `**${group}**\n\n| in the file | in the environment | what it does | default |\n| --- | --- | --- | --- |\n${lines.join('\n')}\n`;
  });
  return sections.join('\n');
}
