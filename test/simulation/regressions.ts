import { type Options, optionsOf } from './simulation.js';

/** A run that once failed, and what it found. */
interface Regression {
  readonly found: string;
  readonly options: Options;
}

/** Runs that found a bug in the code that ships; each must stay good. */
export const regressions: readonly Regression[] = [
  {
    found:
      'A workspace whose completion was stored, but not answered, was undone: its row stayed, its files were destroyed.',
    options: optionsOf(6),
  },
  {
    found: 'A failed workspace lost its staged files before its row said so, and was then completed without them.',
    options: optionsOf(236),
  },
  {
    found: 'The deletion of a workspace did not tell of the share that lost its original.',
    options: optionsOf(19),
  },
  {
    found:
      'A job that was to be stopped ended as never launched while its launch was on its way and no stop had arrived.',
    options: optionsOf(20),
  },
  {
    found: 'Readings of "absent" from before a launch made the job lost at the first look after it.',
    options: optionsOf(52),
  },
  {
    found:
      'A failed request looked whether it still had the lease, and destroyed the files after another had completed the workspace.',
    options: optionsOf(122),
  },
  {
    found:
      'Who accepted a share while its files were copied was told afterwards that it was not accepted, and so was its sender.',
    options: optionsOf(119),
  },
  {
    found:
      'A workspace was deleted, and its waiting job ended as never launched, while the launch began: the job ran, and nobody knew of it.',
    options: optionsOf(190),
  },
  {
    found: 'Who asked for a workspace went away while its directory was made, which appeared after it was undone.',
    options: { ...optionsOf(464), steps: 375, users: 3, replicas: 2, kinds: ['slow'] },
  },
];
