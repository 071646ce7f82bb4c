using KestrelKv.Server.Settings;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Postgres;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// The commands for the data of a stopped server: <c>KestrelKv.Server restore FILE</c>, for both engines, and
/// <c>KestrelKv.Server salvage</c>, for a data directory.
/// </summary>
internal static class DataTool
{
    /// <summary>Executes the command and prints its report.</summary>
    /// <exception cref="DataException">The command failed. The message names the data files that were moved, if any.</exception>
    /// <exception cref="SettingsException">The command needs a data directory, and the settings have none.</exception>
    /// <exception cref="UnsuitableDatabaseException">The database cannot hold the store, or has data.</exception>
    /// <exception cref="StoreFailureException">The database failed.</exception>
    public static async Task RunAsync(CommandLine line, ServerSettings settings)
    {
        if (settings.Store.Engine == StoreEngine.Postgres)
        {
            if (line.Command == CommandLine.Salvage)
            {
                throw new SettingsException(
                    "the setting KestrelKv:Store:Engine is Postgres, expected Embedded, because salvage repairs a data directory; " +
                    "restore a backup into PostgreSQL instead");
            }
            string loaded = await PostgresCommands.RestoreAsync(settings.Store.Postgres, line.Arguments[0], TimeProvider.System);
            await Console.Out.WriteLineAsync(loaded);
            return;
        }
        if (settings.Data.Durability == DurabilityMode.Memory)
        {
            throw new SettingsException(
                "the setting KestrelKv:Data:Durability is Memory, expected Always, EverySec or None, because the command needs a data " +
                "directory");
        }

        IReadOnlyList<string> report = line.Command == CommandLine.Restore
            ? DataCommands.Restore(settings.Data, line.Arguments[0])
            : DataCommands.Salvage(settings.Data);
        foreach (string text in report) await Console.Out.WriteLineAsync(text);
    }
}
