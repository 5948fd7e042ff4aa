import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { Listing } from './readme.ts';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

type Ports = { readonly http: number; readonly stomp: number };

/** An empty project of somebody else's, in a folder of its own, on the Node that the tests run on. */
export class Project implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'cirrusmq-package-'));
  readonly #started: ChildProcess[] = [];
  readonly #tarball: string;
  readonly #ports: Ports;
  readonly #environment: NodeJS.ProcessEnv;

  /** @param tarball stands for the package where a listing installs it */
  constructor(tarball: string, ports: Ports) {
    this.#tarball = tarball;
    this.#ports = ports;
    this.#environment = { CIRRUSMQ_URL: `http://127.0.0.1:${ports.http}` };
    writeFileSync(join(this.folder, 'package.json'), '{"name":"somebody-elses","private":true}\n');
  }

  /** Writes a listing to the file that the README names. */
  write({ text, file }: Listing): void {
    if (!file) throw new Error(`The README does not name the file of:\n${text}`);
    writeFileSync(join(this.folder, file), this.#asHere(text));
  }

  /** Runs a listing as a shell does, each line after the other. @throws Error with what it wrote if one fails */
  run({ text }: Pick<Listing, 'text'>): string {
    const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', this.#asHere(text)], {
      cwd: this.folder,
      env: environment(this.#environment),
      encoding: 'utf8',
    });
    if (status === 0) return stdout;
    throw new Error(`This ended with ${status}:\n${text}\n${stdout}\n${stderr}`);
  }

  /** Begins to run a listing that does not end by itself; it ends with the project. */
  start({ text }: Pick<Listing, 'text'>): ChildProcess {
    const child = spawn('bash', ['-c', this.#asHere(text)], {
      cwd: this.folder,
      env: environment(this.#environment),
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    this.#started.push(child);
    return child;
  }

  /** The package is the tarball, and its ports are free ones: the usual ones may be taken here. */
  #asHere(text: string): string {
    const { http, stomp } = this.#ports;
    const moved = text
      .replaceAll('61614', String(http))
      .replace(/cirrusmq serve\b/, `$& --port ${http} --stomp-port ${stomp}`);
    return moved.replace(/^npm install .*$/gm, (line) =>
      line
        .split(' ')
        .map((word) => this.#installed(word))
        .join(' ')
        .concat(' --no-audit --no-fund --prefer-offline --loglevel=error'),
    );
  }

  /** Other packages are of the versions that this one is developed with. */
  #installed(word: string): string {
    if (word === manifest.name) return this.#tarball;
    const version = manifest.devDependencies[word];
    return version ? `${word}@${version}` : word;
  }

  [Symbol.dispose](): void {
    for (const { pid } of this.#started) if (pid !== undefined) endGroup(pid);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a shell of its owner has, and nothing of what npm tells its scripts: that is of another project. */
function environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(?!config_(registry|cache|userconfig|globalconfig)$)|INIT_CWD$|NODE|VITEST)/i.test(name),
  );
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  // A link to Node alone: what lies beside it is no part of that project's path.
  return { ...Object.fromEntries(own), ...more, PATH: [dirname(process.execPath), ...folders].join(delimiter) };
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has ended by itself.
  }
}

/** Packs this package, as it is published. @returns the tarball's path */
export function pack(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--json', '--pack-destination', folder], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`npm pack ended with ${status}: ${stderr}`);
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
  return join(folder, packed.filename);
}
