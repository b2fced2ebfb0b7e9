import type { Operation, OperationId } from '@user-workspaces/schema';
import { operations } from '@user-workspaces/schema/operations';

const known: Partial<Record<string, Operation>> = { ...operations };

/** What the specification says of an operation. */
export function operationOf(id: OperationId): Operation {
  const operation = known[id];
  if (!operation) throw new TypeError(id);
  return operation;
}

/** Lets clients call further operations: those of administration, which pages of ordinary users need not load. */
export function learnOperations(further: Readonly<Record<string, Operation>>): void {
  Object.assign(known, further);
}
