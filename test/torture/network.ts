/** A second host, so to speak: a network namespace with a cable to this one, of which packets can be dropped. */
import { execFileSync, spawnSync } from 'node:child_process'
import { abandoned } from './abandoned.ts'

const PREFIX = 'pgsaga'
const HOST = '10.211.77.1'
const GUEST = '10.211.77.2'

export class Network {
  readonly host = HOST
  readonly #name = `${PREFIX}${process.pid}`

  /** Why there can be none here; undefined where there can. */
  static missing(): string | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces need Linux and root'
    const [name, veth] = [`pgsagatry${process.pid}`, `pgt${process.pid}`]
    const made = spawnSync('ip', ['netns', 'add', name])
    const cable = spawnSync('ip', ['link', 'add', veth, 'type', 'veth', 'peer', 'name', `${veth}b`])
    const filter = spawnSync('ip', ['netns', 'exec', name, 'iptables', '-L'])
    spawnSync('ip', ['link', 'del', veth])
    spawnSync('ip', ['netns', 'del', name])
    const isThere = [made, cable, filter].every(({ status }) => status === 0)
    return isThere ? undefined : 'ip netns, veth or iptables do not work here'
  }

  static open(): Network {
    for (const name of abandoned(PREFIX, listNamespaces())) ip('netns', 'del', name)
    const network = new Network()
    const name = network.#name
    const [near, far] = [`pgs${process.pid}a`, `pgs${process.pid}b`]
    ip('netns', 'add', name)
    ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far)
    ip('link', 'set', far, 'netns', name)
    ip('addr', 'add', `${HOST}/24`, 'dev', near)
    ip('link', 'set', near, 'up')
    ip('netns', 'exec', name, 'ip', 'addr', 'add', `${GUEST}/24`, 'dev', far)
    ip('netns', 'exec', name, 'ip', 'link', 'set', far, 'up')
    ip('netns', 'exec', name, 'ip', 'link', 'set', 'lo', 'up')
    return network
  }

  /** Goes before a program that is to be run there. */
  get launch(): readonly [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.#name]
  }

  /** From now on nothing comes through, in either direction, and nobody is told. */
  drop(): void {
    this.#filter('-A')
  }

  restore(): void {
    this.#filter('-D')
  }

  /** Its end of the cable goes with it, and so the other one. */
  close(): void {
    ip('netns', 'del', this.#name)
  }

  #filter(what: '-A' | '-D'): void {
    const iptables = ['netns', 'exec', this.#name, 'iptables', '-w']
    ip(...iptables, what, 'INPUT', '!', '-i', 'lo', '-j', 'DROP')
    ip(...iptables, what, 'OUTPUT', '!', '-o', 'lo', '-j', 'DROP')
  }
}

function listNamespaces(): readonly string[] {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' })
  return stdout.split('\n').map((line) => line.split(' ')[0] ?? '')
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}
