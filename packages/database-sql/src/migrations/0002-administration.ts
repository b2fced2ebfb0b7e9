import type { Migration } from './index.js';
import { addColumns, createTables } from './table-sketch.js';

/** Roles, quotas with what counts against them, deactivation, and the audit log. */
export const administration: Migration = {
  version: 2,
  name: 'administration',
  creates: ['audit_entries'],
  statements(schema, flavour) {
    const users = addColumns(schema, flavour, 'users', {
      deactivated_at_ms: 'integer?',
      role: { kind: 'name', present: 'user' },
      max_disk_space_bytes: 'integer?',
      max_core_hours: 'number?',
      max_active_jobs: 'integer?',
      max_workspaces: 'integer?',
      used_disk_space_bytes: { kind: 'integer', present: 0 },
      used_core_hours: { kind: 'number', present: 0 },
    });
    // Until now all clients came from the configuration.
    const clients = addColumns(users, flavour, 'api_clients', { is_configured: { kind: 'boolean', present: true } });
    const entries = createTables(clients, flavour, {
      audit_entries: {
        columns: {
          created_at_ms: 'integer',
          action: 'name',
          outcome: 'name',
          actor_kind: 'name',
          actor_user_id: 'integer?',
          actor_name: 'name?',
          subject_kind: 'name?',
          subject_id: 'integer?',
          address: 'name?',
          request_id: 'name?',
          details: 'json',
        },
        unique: [],
        indexes: [['created_at_ms'], ['actor_user_id'], ['subject_kind', 'subject_id']],
      },
    });
    return entries
      .raw(
        `update users set used_core_hours = coalesce((select sum(core_hours) from jobs
          where jobs.user_id = users.id and jobs.status in ('complete', 'failed')), 0)`,
      )
      .raw(
        `update users set used_disk_space_bytes = coalesce((select sum(disk_space_bytes) from workspaces
          where workspaces.user_id = users.id and workspaces.is_listed), 0)`,
      );
  },
};
