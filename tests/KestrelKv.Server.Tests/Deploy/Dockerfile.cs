using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Deploy;

internal static class Dockerfile
{
    /// <summary>All instructions, with continued lines joined.</summary>
    public static IReadOnlyList<Instruction> Instructions { get; } = Read();

    public static IEnumerable<Instruction> Build => Instructions.TakeWhile((instruction, i) => i == 0 || instruction.Name != "FROM");

    /// <summary>The instructions of the last stage, which becomes the image.</summary>
    public static IEnumerable<Instruction> Final => Instructions.Skip(Instructions.ToList().FindLastIndex(i => i.Name == "FROM"));

    public static string HealthCommand => string.Join(' ', JsonSerializer.Deserialize<string[]>(
        Final.Single(i => i.Name == "HEALTHCHECK").Arguments.Split(" CMD ")[1])!);

    private static List<Instruction> Read() =>
        [.. File.ReadAllText(Repository.PathTo("Dockerfile"))
            .Replace("\\\n", " ", StringComparison.Ordinal)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => line[0] != '#')
            .Select(line => line.Split(' ', 2))
            .Select(parts => new Instruction(parts[0], parts[1].Trim()))];

    /// <summary>An instruction, such as <c>COPY</c> with <c>src/ src/</c>.</summary>
    internal sealed record Instruction(string Name, string Arguments)
    {
        /// <summary>The paths in the build context that a COPY copies; empty if it copies from another stage.</summary>
        public IEnumerable<string> Sources => Words[0].StartsWith("--", StringComparison.Ordinal) ? [] : Words[..^1];

        public string Destination => Words[^1];

        private string[] Words => Arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }
}
