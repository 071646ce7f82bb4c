using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary>Prints the result of a write, and returns its exit code.</summary>
internal static class WriteOutput
{
    public static int Print(Session session, string key, in WriteResult result)
    {
        WriteResult copy = result;
        if (result.Status == WriteStatus.NotFound) throw new CommandFailure(ExitCode.Absent, "not_found", $"The key \"{key}\" is missing");
        if (result.Status == WriteStatus.PathNotFound) throw new CommandFailure(ExitCode.Absent, "path_not_found", $"The part of the value of \"{key}\" is missing");
        if (result.Status == WriteStatus.TestFailed) throw new CommandFailure(ExitCode.PreconditionFailed, "test_failed", $"A test of the patch does not hold for \"{key}\"; nothing was changed");
        if (!result.Applied)
        {
            throw new CommandFailure(
                ExitCode.PreconditionFailed, "precondition_failed",
                $"The precondition does not hold for \"{key}\": {(result.Version == 0 ? "it is missing" : $"its version is {result.Version}")}; nothing was changed");
        }
        if (session.FormatOrDefault == OutputFormat.Table) session.Terminal.Error.WriteLine($"ok, version {result.Version}");
        else if (session.Format is OutputFormat.Raw) session.Write(result.Old.Span);
        else
        {
            session.WriteJson(EntryJson.Object(json =>
            {
                json.WriteString("key", key);
                json.WriteBoolean("existed", copy.Existed);
                json.WriteNumber("version", copy.Version);
                EntryJson.WriteExpiry(json, copy.ExpiresAt);
            }));
        }
        return ExitCode.Ok;
    }
}
