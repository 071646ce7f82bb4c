using Npgsql;
using NpgsqlTypes;

namespace KestrelKv.Benchmarks.Postgres;

/// <summary>A table with the columns of the store's <c>entries</c>, on one prepared connection of Npgsql.</summary>
internal sealed class PlainTable : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source;
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlCommand _put;
    private readonly NpgsqlCommand _get;

    private PlainTable(NpgsqlDataSource source, NpgsqlConnection connection)
    {
        (_source, _connection) = (source, connection);
        _put = new NpgsqlCommand(
            """
            INSERT INTO plain_bench.entries SELECT * FROM unnest($1, $2, $3, $4)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, expires_at = excluded.expires_at
            """,
            connection);
        _put.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
        _put.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
        _put.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        _put.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        _get = new NpgsqlCommand("SELECT key, value, version, expires_at FROM plain_bench.entries WHERE key = ANY($1)", connection);
        _get.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
    }

    public static async Task<PlainTable> CreateAsync(string connectionString)
    {
        NpgsqlDataSource source = NpgsqlDataSource.Create(connectionString);
        NpgsqlConnection connection = await source.OpenConnectionAsync();
        await using (var create = new NpgsqlCommand(
            """
            DROP SCHEMA IF EXISTS plain_bench CASCADE;
            DROP SCHEMA IF EXISTS kestrelkv_bench CASCADE;
            CREATE SCHEMA plain_bench;
            CREATE TABLE plain_bench.entries (
                key bytea PRIMARY KEY, value bytea NOT NULL, version bigint NOT NULL, expires_at bigint NOT NULL) WITH (fillfactor = 80);
            """,
            connection))
            await create.ExecuteNonQueryAsync();
        var table = new PlainTable(source, connection);
        await table._put.PrepareAsync();
        await table._get.PrepareAsync();
        return table;
    }

    public async Task PutAsync(byte[][] keys, byte[][] values)
    {
        _put.Parameters[0].Value = keys;
        _put.Parameters[1].Value = values;
        _put.Parameters[2].Value = new long[keys.Length];
        _put.Parameters[3].Value = new long[keys.Length];
        await _put.ExecuteNonQueryAsync();
    }

    /// <summary>Returns the number of found keys.</summary>
    public async Task<int> GetAsync(byte[][] keys)
    {
        _get.Parameters[0].Value = keys;
        await using NpgsqlDataReader rows = await _get.ExecuteReaderAsync();
        int count = 0;
        while (await rows.ReadAsync())
        {
            _ = rows.GetFieldValue<byte[]>(1);
            count++;
        }
        return count;
    }

    public async Task VacuumAsync()
    {
        await using var vacuum = new NpgsqlCommand("VACUUM ANALYZE", _connection);
        await vacuum.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _put.DisposeAsync();
        await _get.DisposeAsync();
        await _connection.DisposeAsync();
        await _source.DisposeAsync();
    }
}
