import { expect, test } from 'vitest';
import { pythonRepr, pythonString, pythonType } from '../../src/http/python-text.js';

test.each([
  [null, 'NoneType', 'None'],
  [true, 'bool', 'True'],
  [3, 'int', '3'],
  [2.5, 'float', '2.5'],
  ['a', 'str', "'a'"],
  ["it's", 'str', '"it\'s"'],
  [`both ' and "`, 'str', `'both \\' and "'`],
  ['new\nline', 'str', "'new\\nline'"],
  [[1, 'x', null], 'list', "[1, 'x', None]"],
  [{ k: [false] }, 'dict', "{'k': [False]}"],
])('%j is a %s and is written %s', (value, type, text) => {
  expect(pythonType(value)).toBe(type);
  expect(pythonRepr(value)).toBe(text);
});

test('text stands without quotes where Python would use str', () => {
  expect(pythonString('2')).toBe('2');
  expect(pythonString(['2'])).toBe("['2']");
});
