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
    /// <summary>Executes the command and prints its report.</summary>
    /// <exception cref="DataException">The command failed. The message names the data files that were moved, if any.</exception>
    /// <exception cref="SettingsException">
    /// The durability mode is <see cref="DurabilityMode.Memory"/>, which has no data directory.
    /// </exception>
    public static async Task RunAsync(CommandLine line, ServerSettings settings)
    {
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
