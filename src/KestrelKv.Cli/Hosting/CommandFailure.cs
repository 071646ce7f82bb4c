using System.Text.Json;
using KestrelKv.Client;

namespace KestrelKv.Cli.Hosting;

/// <summary>A command failed. The message is for the user.</summary>
/// <param name="exitCode">One of <see cref="ExitCode"/>.</param>
/// <param name="code">A code for programs: an error code of the server, or one of the program.</param>
/// <param name="message">What is wrong, and what was expected. A sentence without its period.</param>
internal sealed class CommandFailure(int exitCode, string code, string message) : Exception(message)
{
    public int ExitCode => exitCode;

    public string Code => code;

    /// <summary>Creates a failure of the arguments.</summary>
    public static CommandFailure Usage(string message) => new(Hosting.ExitCode.Usage, "usage", message);

    /// <summary>Creates a failure of work on a file, or of a part of the work.</summary>
    public static CommandFailure Failed(string code, string message) => new(Hosting.ExitCode.Failed, code, message);

    /// <summary>Returns the failure that an exception means to the user; null for a bug.</summary>
    public static CommandFailure? Of(Exception exception) => exception switch
    {
        CommandFailure failure => failure,
        NotSentException => new(Hosting.ExitCode.Unreachable, "unreachable", exception.Message),
        OutcomeUnknownException unknown => new(Hosting.ExitCode.OutcomeUnknown, unknown.Code ?? "outcome_unknown", exception.Message),
        RefusedException { Code: "precondition_failed" or "test_failed" } refused => new(Hosting.ExitCode.PreconditionFailed, refused.Code, exception.Message),
        RefusedException { Code: "not_found" or "path_not_found" } refused => new(Hosting.ExitCode.Absent, refused.Code, exception.Message),
        RefusedException refused => Failed(refused.Code, exception.Message),
        ArgumentException => Usage(exception.Message),
        JsonException => Failed("invalid_json", exception.Message),
        IOException or UnauthorizedAccessException => Failed("io", exception.Message),
        _ => null,
    };
}
