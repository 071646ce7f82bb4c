using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary>Prints the result of a write, and returns its exit code.</summary>
internal static class WriteOutput
{
    /// <exception cref="CommandFailure">The write was not applied.</exception>
    public static int Print(Session session, string key, in WriteResult result)
    {
        ThrowIfNotApplied(key, result);
        WriteResult copy = result;
        if (session.FormatOrDefault == OutputFormat.Table)
        {
            if (!result.Old.IsEmpty) session.WriteJson(result.Old.Span);
            session.Terminal.Error.WriteLine($"ok, version {result.Version}");
        }
        else if (session.Format is OutputFormat.Raw) session.Write(result.Old.Span);
        else session.WriteJson(EntryJson.Object(json => WriteMembers(json, key, copy)));
        return ExitCode.Ok;
    }

    /// <summary>Throws the failure of a write that was not applied.</summary>
    public static void ThrowIfNotApplied(string key, in WriteResult result)
    {
        key = DisplayText.Of(key);
        CommandFailure? failure = result.Status switch
        {
            WriteStatus.NotFound => new(ExitCode.Absent, "not_found", $"The key \"{key}\" is missing"),
            WriteStatus.PathNotFound => new(ExitCode.Absent, "path_not_found", $"The part of the value of \"{key}\" is missing"),
            WriteStatus.TestFailed =>
                new(ExitCode.PreconditionFailed, "test_failed", $"A test of the patch does not hold for \"{key}\"; nothing was changed"),
            _ when result.Applied => null,
            _ => new(
                ExitCode.PreconditionFailed, "precondition_failed",
                $"The precondition does not hold for \"{key}\": {(result.Version == 0 ? "it is missing" : $"its version is {result.Version}")}; " +
                "nothing was changed")
            {
                Version = result.Version,
            },
        };
        if (failure is not null) throw failure;
    }

    /// <summary>Writes <c>"key", "existed", "version", "expires_at"</c>, and <c>"old"</c> if it was asked for.</summary>
    public static void WriteMembers(Utf8JsonWriter json, string key, in WriteResult result)
    {
        EntryJson.WriteText(json, "key", key);
        json.WriteBoolean("existed", result.Existed);
        json.WriteNumber("version", result.Version);
        EntryJson.WriteExpiry(json, result.ExpiresAt);
        if (result.Old.IsEmpty) return;
        EntryJson.WriteValue(json, "old", result.Old.Span);
    }
}
