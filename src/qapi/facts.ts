/**
 * What the 2.11 schema declares, as bare facts: the members of every enum in order, the members of every struct with their
 * QAPI types, what every command takes and returns, what every event carries. It is independent of the schemas in this
 * folder (transcribed mechanically from the declarations of `qapi/migration.json`), so that a test can hold the two
 * against each other; nothing but that test and documentation should need it.
 */

/** Members of a struct, a command's arguments or an event's data: name (a leading `*` means optional) to QAPI type; `[T]` is a list of T. */
export type MemberFacts = Readonly<Record<string, string>>

/** A command: its arguments (members, or the name of the struct they are boxed in) and the QAPI type of what it returns. */
export interface CommandFacts {
  readonly arguments: MemberFacts | string
  readonly returns: string
}

/** The whole schema as facts. Source: `qapi/migration.json` of QEMU 2.11, every declaration in order. */
export interface SchemaFacts {
  readonly enums: Readonly<Record<string, ReadonlyArray<string>>>
  readonly structs: Readonly<Record<string, MemberFacts>>
  readonly commands: Readonly<Record<string, CommandFacts>>
  readonly events: Readonly<Record<string, MemberFacts>>
}

/** The facts of QEMU 2.11's `qapi/migration.json`: 6 enums, 7 structs, 20 commands, 2 events. `nothing` is an empty reply. */
export const facts: SchemaFacts = {
  enums: {
    MigrationStatus: [
      'none',
      'setup',
      'cancelling',
      'cancelled',
      'active',
      'postcopy-active',
      'completed',
      'failed',
      'colo',
      'pre-switchover',
      'device',
    ],
    MigrationCapability: [
      'xbzrle',
      'rdma-pin-all',
      'auto-converge',
      'zero-blocks',
      'compress',
      'events',
      'postcopy-ram',
      'x-colo',
      'release-ram',
      'block',
      'return-path',
      'pause-before-switchover',
      'x-multifd',
    ],
    MigrationParameter: [
      'compress-level',
      'compress-threads',
      'decompress-threads',
      'cpu-throttle-initial',
      'cpu-throttle-increment',
      'tls-creds',
      'tls-hostname',
      'max-bandwidth',
      'downtime-limit',
      'x-checkpoint-delay',
      'block-incremental',
      'x-multifd-channels',
      'x-multifd-page-count',
      'xbzrle-cache-size',
    ],
    COLOMessage: [
      'checkpoint-ready',
      'checkpoint-request',
      'checkpoint-reply',
      'vmstate-send',
      'vmstate-size',
      'vmstate-received',
      'vmstate-loaded',
    ],
    COLOMode: ['unknown', 'primary', 'secondary'],
    FailoverStatus: ['none', 'require', 'active', 'completed', 'relaunch'],
  },
  structs: {
    MigrationStats: {
      transferred: 'int',
      remaining: 'int',
      total: 'int',
      duplicate: 'int',
      skipped: 'int',
      normal: 'int',
      'normal-bytes': 'int',
      'dirty-pages-rate': 'int',
      mbps: 'number',
      'dirty-sync-count': 'int',
      'postcopy-requests': 'int',
      'page-size': 'int',
    },
    XBZRLECacheStats: {
      'cache-size': 'int',
      bytes: 'int',
      pages: 'int',
      'cache-miss': 'int',
      'cache-miss-rate': 'number',
      overflow: 'int',
    },
    MigrationInfo: {
      '*status': 'MigrationStatus',
      '*ram': 'MigrationStats',
      '*disk': 'MigrationStats',
      '*xbzrle-cache': 'XBZRLECacheStats',
      '*total-time': 'int',
      '*expected-downtime': 'int',
      '*downtime': 'int',
      '*setup-time': 'int',
      '*cpu-throttle-percentage': 'int',
      '*error-desc': 'str',
    },
    MigrationCapabilityStatus: {
      capability: 'MigrationCapability',
      state: 'bool',
    },
    MigrateSetParameters: {
      '*compress-level': 'int',
      '*compress-threads': 'int',
      '*decompress-threads': 'int',
      '*cpu-throttle-initial': 'int',
      '*cpu-throttle-increment': 'int',
      '*tls-creds': 'StrOrNull',
      '*tls-hostname': 'StrOrNull',
      '*max-bandwidth': 'int',
      '*downtime-limit': 'int',
      '*x-checkpoint-delay': 'int',
      '*block-incremental': 'bool',
      '*x-multifd-channels': 'int',
      '*x-multifd-page-count': 'int',
      '*xbzrle-cache-size': 'size',
    },
    MigrationParameters: {
      '*compress-level': 'int',
      '*compress-threads': 'int',
      '*decompress-threads': 'int',
      '*cpu-throttle-initial': 'int',
      '*cpu-throttle-increment': 'int',
      '*tls-creds': 'str',
      '*tls-hostname': 'str',
      '*max-bandwidth': 'int',
      '*downtime-limit': 'int',
      '*x-checkpoint-delay': 'int',
      '*block-incremental': 'bool',
      '*x-multifd-channels': 'int',
      '*x-multifd-page-count': 'int',
      '*xbzrle-cache-size': 'size',
    },
    ReplicationStatus: {
      error: 'bool',
      '*desc': 'str',
    },
  },
  commands: {
    'query-migrate': {
      arguments: {},
      returns: 'MigrationInfo',
    },
    'migrate-set-capabilities': {
      arguments: {
        capabilities: '[MigrationCapabilityStatus]',
      },
      returns: 'nothing',
    },
    'query-migrate-capabilities': {
      arguments: {},
      returns: '[MigrationCapabilityStatus]',
    },
    'migrate-set-parameters': {
      arguments: 'MigrateSetParameters',
      returns: 'nothing',
    },
    'query-migrate-parameters': {
      arguments: {},
      returns: 'MigrationParameters',
    },
    client_migrate_info: {
      arguments: {
        protocol: 'str',
        hostname: 'str',
        '*port': 'int',
        '*tls-port': 'int',
        '*cert-subject': 'str',
      },
      returns: 'nothing',
    },
    'migrate-start-postcopy': {
      arguments: {},
      returns: 'nothing',
    },
    'x-colo-lost-heartbeat': {
      arguments: {},
      returns: 'nothing',
    },
    migrate_cancel: {
      arguments: {},
      returns: 'nothing',
    },
    'migrate-continue': {
      arguments: {
        state: 'MigrationStatus',
      },
      returns: 'nothing',
    },
    migrate_set_downtime: {
      arguments: {
        value: 'number',
      },
      returns: 'nothing',
    },
    migrate_set_speed: {
      arguments: {
        value: 'int',
      },
      returns: 'nothing',
    },
    'migrate-set-cache-size': {
      arguments: {
        value: 'int',
      },
      returns: 'nothing',
    },
    'query-migrate-cache-size': {
      arguments: {},
      returns: 'int',
    },
    migrate: {
      arguments: {
        uri: 'str',
        '*blk': 'bool',
        '*inc': 'bool',
        '*detach': 'bool',
      },
      returns: 'nothing',
    },
    'migrate-incoming': {
      arguments: {
        uri: 'str',
      },
      returns: 'nothing',
    },
    'xen-save-devices-state': {
      arguments: {
        filename: 'str',
        '*live': 'bool',
      },
      returns: 'nothing',
    },
    'xen-set-replication': {
      arguments: {
        enable: 'bool',
        primary: 'bool',
        '*failover': 'bool',
      },
      returns: 'nothing',
    },
    'query-xen-replication-status': {
      arguments: {},
      returns: 'ReplicationStatus',
    },
    'xen-colo-do-checkpoint': {
      arguments: {},
      returns: 'nothing',
    },
  },
  events: {
    MIGRATION: {
      status: 'MigrationStatus',
    },
    MIGRATION_PASS: {
      pass: 'int',
    },
  },
}
