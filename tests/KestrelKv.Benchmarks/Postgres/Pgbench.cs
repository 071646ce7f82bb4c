using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace KestrelKv.Benchmarks.Postgres;

/// <summary>PostgreSQL's own load generator, with upserts of one row in prepared statements.</summary>
internal sealed partial class Pgbench(PostgresOptions options)
{
    /// <summary>Returns the upserts per second of a number of connections.</summary>
    public async Task<double> RunAsync(int connections)
    {
        string script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(script, string.Create(CultureInfo.InvariantCulture,
                $"""
                \set k random(0, {options.Keys - 1})
                INSERT INTO plain_bench.entries VALUES (int8send(:k), decode(repeat('61', {options.ValueBytes}), 'hex'), 1, 0) ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, expires_at = excluded.expires_at;

                """));
            string output = await RunAsync(["-n", "-M", "prepared", "-f", script, "-T", $"{Math.Ceiling(options.Seconds)}",
                "-c", $"{connections}", "-j", $"{Math.Min(connections, 2)}"]);
            return double.Parse(Rate().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
        }
        finally
        {
            File.Delete(script);
        }
    }

    private async Task<string> RunAsync(string[] arguments)
    {
        var database = new NpgsqlConnectionStringBuilder(options.Connection);
        var start = new ProcessStartInfo(options.Pgbench, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PGHOST"] = database.Host;
        start.Environment["PGPORT"] = $"{database.Port}";
        start.Environment["PGUSER"] = database.Username;
        start.Environment["PGPASSWORD"] = database.Password;
        start.Environment["PGDATABASE"] = database.Database;
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"pgbench failed: {await error}");
    }

    [GeneratedRegex(@"tps = ([\d.]+)")]
    private static partial Regex Rate();
}
