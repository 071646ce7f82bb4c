using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>The Python scripts in this folder.</summary>
internal static class Python
{
    /// <summary>Runs a script to its end, which must succeed, and returns its output.</summary>
    public static Task<string> RunAsync(string script, params object[] arguments) =>
        Programs.RunAsync("python3", ["-B", PathTo(script), .. arguments.Select(Text)]);

    public static string PathTo(string script) =>
        Repository.PathTo("tests", "KestrelKv.Server.Tests", "Wire", script);

    private static string Text(object argument) => Convert.ToString(argument, CultureInfo.InvariantCulture)!;
}
