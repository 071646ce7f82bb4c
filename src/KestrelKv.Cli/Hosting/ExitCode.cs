namespace KestrelKv.Cli.Hosting;

/// <summary>The exit codes of the program.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The key, or the part of its value, is missing.</summary>
    public const int Absent = 1;

    /// <summary>The arguments are invalid.</summary>
    public const int Usage = 2;

    /// <summary>A precondition or a test does not hold. Nothing was changed.</summary>
    public const int PreconditionFailed = 3;

    /// <summary>The server cannot be reached. Nothing was changed.</summary>
    public const int Unreachable = 4;

    /// <summary>The server refused the request, or a part of the work failed.</summary>
    public const int Failed = 5;

    /// <summary>A write was sent, and its outcome is unknown.</summary>
    public const int OutcomeUnknown = 6;

    /// <summary>The user interrupted the command, as in shells: 128 + SIGINT.</summary>
    public const int Interrupted = 130;
}
