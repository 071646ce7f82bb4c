using System.Text.Json;
using KestrelKv.Server.Security;
using KestrelKv.Server.Settings;
using KestrelKv.Storage;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Postgres;

namespace KestrelKv.Server.Hosting;

/// <summary>Describes a failure of the program without a stack trace.</summary>
internal static class StartFailure
{
    public static string Explain(Exception e) => e switch
    {
        SettingsException or UsersFileException or UserCommandException or DataException or ListenException or
            UnsuitableDatabaseException or StoreFailureException => e.Message,
        UsageException => $"{e.Message}{Environment.NewLine}{Environment.NewLine}{CommandLine.Usage}",

        // appsettings.json is invalid. The message names the file.
        InvalidDataException { InnerException: FormatException inner } => $"{e.Message} {InFile(inner)}",
        _ => InOneLine(e),
    };

    private static string InFile(FormatException e) => e.InnerException is JsonException { LineNumber: { } line } json
        ? $"Line {line + 1}: {json.Message.Split(" LineNumber: ")[0]}"
        : e.Message;

    /// <summary>Describes an unexpected exception and its causes by message and type.</summary>
    private static string InOneLine(Exception e)
    {
        string text = $"{e.Message.ReplaceLineEndings(" ")} ({e.GetType().Name})";
        return e.InnerException is { } inner && !e.Message.Contains(inner.Message, StringComparison.Ordinal)
            ? $"{text}: {InOneLine(inner)}"
            : text;
    }
}
