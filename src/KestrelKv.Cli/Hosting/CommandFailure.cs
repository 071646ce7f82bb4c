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

    /// <summary>The operation of a batch that failed, counted from 0; null for other commands.</summary>
    public int? Index { get; init; }

    /// <summary>The current version of the entry whose precondition does not hold; null if it is unknown.</summary>
    public long? Version { get; init; }

    /// <summary>Creates a failure of the arguments.</summary>
    public static CommandFailure Usage(string message) => new(Hosting.ExitCode.Usage, "usage", message);

    /// <exception cref="CommandFailure">The value of an option is not in its range.</exception>
    public static void ThrowIfOutside(double value, double min, double max, string option)
    {
        if (!(value >= min && value <= max))
            throw Usage(FormattableString.Invariant($"{option} is {value}, expected {min:0.##} to {max:0}"));
    }

    /// <summary>Creates a failure of work on a file, or of a part of the work.</summary>
    public static CommandFailure Failed(string code, string message) => new(Hosting.ExitCode.Failed, code, message);

    /// <summary>Returns the failure that an exception means to the user; null for a bug, or for a reader of the output that has ended.</summary>
    public static CommandFailure? Of(Exception exception) => exception switch
    {
        CommandFailure failure => failure,
        NotSentException => new(Hosting.ExitCode.Unreachable, "unreachable", exception.Message),
        OutcomeUnknownException unknown => new(Hosting.ExitCode.OutcomeUnknown, unknown.Code ?? "outcome_unknown", exception.Message),
        RefusedException refused => OfRefused(refused),
        ArgumentException argument => Usage(PlainMessage.Of(argument)),
        ClosedOutputException => null,
        JsonException json => Failed("invalid_json", PlainMessage.Of(json)),
        IOException or UnauthorizedAccessException => Failed("io", exception.Message),
        _ => null,
    };

    private static CommandFailure OfRefused(RefusedException refused)
    {
        int exitCode = refused.Code switch
        {
            "precondition_failed" or "test_failed" => Hosting.ExitCode.PreconditionFailed,
            "not_found" or "path_not_found" => Hosting.ExitCode.Absent,
            _ => Hosting.ExitCode.Failed,
        };
        string message = refused.Index is { } index ? $"Operation {index}: {refused.Message}" : refused.Message;
        return new(exitCode, refused.Code, message) { Index = refused.Index, Version = refused.Version };
    }
}
