/** Completion scripts for shells, made from the commands that there are. */
import type { Command } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export function completionFor(shell: Shell, program: Command): string {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    about: command.description(),
    words: [
      ...command.commands.map((inner) => inner.name()),
      ...[...command.options, ...program.options].map((option) => option.long ?? option.short ?? ''),
    ].filter(Boolean),
  }))
  if (shell === 'fish') return fish(commands)
  const cases = commands.map(({ name, words }) => `    ${name}) words="${words.join(' ')}" ;;`).join('\n')
  const script = `_pg_saga() {
  local words="${commands.map(({ name }) => name).join(' ')}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "\${COMP_WORDS[1]}" in
${cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _pg_saga pg-saga`
  return shell === 'bash' ? script : `autoload -U +X bashcompinit && bashcompinit\n${script}`
}

type Named = { readonly name: string; readonly about: string; readonly words: readonly string[] }

function fish(commands: readonly Named[]): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "\\'")}'`
  return commands
    .flatMap(({ name, about, words }) => [
      `complete -c pg-saga -f -n __fish_use_subcommand -a ${name} -d ${quoted(about)}`,
      `complete -c pg-saga -f -n '__fish_seen_subcommand_from ${name}' -a ${quoted(words.join(' '))}`,
    ])
    .join('\n')
}
