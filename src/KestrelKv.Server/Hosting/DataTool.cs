using KestrelKv.Server.Settings;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// The commands for the data directory of a stopped server: <c>KestrelKv.Server restore FILE</c> and
/// <c>KestrelKv.Server salvage</c>.
/// </summary>
internal static class DataTool
{
    /// <summary>Executes the command and prints its result.</summary>
    /// <exception cref="DataException">The command failed. Nothing was changed.</exception>
    /// <exception cref="SettingsException">The settings name no data directory.</exception>
    public static async Task RunAsync(CommandLine line, ServerSettings settings)
    {
        if (settings.Data.Durability == DurabilityMode.Memory)
            throw new SettingsException("the setting KestrelKv:Data:Durability is Memory: there is no data directory");

        IReadOnlyList<string> done = line.Command == CommandLine.Restore
            ? DataCommands.Restore(settings.Data, line.File!)
            : DataCommands.Salvage(settings.Data);
        foreach (string told in done) await Console.Out.WriteLineAsync(told);
    }
}
