import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { Connection, type State } from './connection.js';
import { dark, light } from './themes.js';

const sizeKey = 'terminal text size';
const inputChunk = 64 * 1024;

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element ${id}.`);
  return found;
}

Terminal.strings.promptLabel = 'Terminal input. Press Shift+F6 to leave it by keyboard.';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const theme = () => (prefersDark.matches ? dark : light);

const terminal = new Terminal({
  cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
  fontFamily: "ui-monospace, 'Cascadia Mono', 'SF Mono', Menlo, 'DejaVu Sans Mono', Consolas, monospace",
  fontSize: Number(localStorage.getItem(sizeKey)) || 14,
  lineHeight: 1.2,
  scrollback: 10_000,
  minimumContrastRatio: 4.5,
  theme: theme(),
});
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(element('terminal'));
fit.fit();

const connection = new Connection({
  state: show,
  clear: () => {
    terminal.reset();
    showTitle('');
  },
  output: (bytes, drawn) => terminal.write(bytes, drawn),
  size: () => ({ columns: terminal.cols, rows: terminal.rows }),
});

terminal.onData((data) => {
  for (let from = 0; from < data.length; from += inputChunk) {
    connection.send({ type: 'input', data: data.slice(from, from + inputChunk) });
  }
});
terminal.onResize(({ cols, rows }) => connection.send({ type: 'resize', columns: cols, rows }));
terminal.onTitleChange(showTitle);
terminal.attachCustomKeyEventHandler((event) => {
  if (event.key === 'F6' && event.shiftKey) {
    // Tab belongs to the shell, so there must be another way out.
    if (event.type === 'keydown') element('smaller').focus();
    return false;
  }
  if (event.ctrlKey && event.shiftKey && event.code === 'KeyC' && terminal.hasSelection()) {
    if (event.type === 'keydown') void navigator.clipboard?.writeText(terminal.getSelection());
    event.preventDefault();
    return false;
  }
  return true;
});

new ResizeObserver(() => fit.fit()).observe(element('terminal'));
prefersDark.addEventListener('change', () => {
  terminal.options.theme = theme();
});
function resizeText(by: number): void {
  const size = Math.min(32, Math.max(8, (terminal.options.fontSize ?? 14) + by));
  terminal.options.fontSize = size;
  localStorage.setItem(sizeKey, String(size));
  fit.fit();
}
element('smaller').addEventListener('click', () => resizeText(-1));
element('larger').addEventListener('click', () => resizeText(1));

function showTitle(title: string): void {
  const name = title.trim() || 'Terminal';
  element('title').textContent = name;
  document.title = name === 'Terminal' ? name : `${name} – Terminal`;
}

function show(state: State): void {
  element('state').dataset.state = state.kind === 'refused' || state.kind === 'taken' ? 'lost' : state.kind;
  const [text, notice] = described(state);
  element('state-text').textContent = text;
  element('notice').hidden = notice === undefined;
  if (notice) announce(notice);
  else if (state.kind === 'connected') terminal.focus();
}

interface Notice {
  readonly title: string;
  readonly text: string;
  readonly actions: readonly { readonly label: string; readonly run: () => void }[];
}

function described(state: State): [text: string, notice?: Notice] {
  const another = { label: 'Start a new shell', run: () => connection.openNew() };
  switch (state.kind) {
    case 'connecting':
      return ['Connecting'];
    case 'connected':
      return ['Connected'];
    case 'lost': {
      if (!state.isGone) return ['Reconnecting'];
      const text = 'Its job may have ended. This page keeps trying; your shell is kept as long as the job runs.';
      return ['Not connected', { title: 'The session does not answer', text, actions: [] }];
    }
    case 'ended': {
      const how = state.signal > 0 ? `by signal ${state.signal}` : `with code ${state.exitCode}`;
      return ['Shell ended', { title: 'The shell has ended', text: `It ended ${how}.`, actions: [another] }];
    }
    case 'taken': {
      const actions = [{ label: 'Use it here', run: () => connection.open() }, another];
      const title = 'This shell is open in another window';
      return ['Open elsewhere', { title, text: 'A shell is shown in one window at a time.', actions }];
    }
    case 'refused': {
      const actions = [{ label: 'Try again', run: () => connection.open() }];
      return ['Refused', { title: 'No shell could be opened', text: `The session says: ${state.reason}.`, actions }];
    }
  }
}

function announce(notice: Notice): void {
  element('notice-title').textContent = notice.title;
  element('notice-text').textContent = notice.text;
  const buttons = notice.actions.map(({ label, run }) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = label;
    button.addEventListener('click', () => {
      run();
      terminal.focus();
    });
    return button;
  });
  element('notice-actions').replaceChildren(...buttons);
  buttons[0]?.focus();
}

connection.open();
terminal.focus();
