using System.Diagnostics;
using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>A temporary directory, and the processes that work in it. All of them end with the test host, even if it is killed.</summary>
/// <remarks>
/// PostgreSQL detaches itself from its parent, so neither process groups nor death signals reach all processes. But the working directory
/// of each of them is below the temporary directory. A guardian process waits for the end of its standard input, which the system closes
/// with the test host. It then kills these processes by id, and deletes the directory.
/// </remarks>
internal sealed class TemporaryProcesses : IAsyncDisposable
{
    /// <summary>In a network namespace, the directory may have another path. Its name is unique.</summary>
    private const string Guard =
        """
        cat >/dev/null
        found=1
        while [ $found = 1 ]; do
            found=0
            for process in /proc/[0-9]*; do
                case $(readlink "$process/cwd" 2>/dev/null) in
                    */"$2"|*/"$2"/*) kill -KILL "${process#/proc/}" 2>/dev/null && found=1 && sleep 0.01 ;;
                esac
            done
        done
        umount "$1"/*/disk 2>/dev/null
        rm -rf --one-file-system "$1"
        """;

    private readonly Process _guardian;

    private TemporaryProcesses(string folder)
    {
        Folder = folder;

        // A session of its own: an interruption of the test run from the terminal must not end the guardian.
        _guardian = Process.Start(new ProcessStartInfo("setsid", ["sh", "-c", Guard, "sh", folder, Path.GetFileName(folder)])
        {
            RedirectStandardInput = true, WorkingDirectory = "/",
        })!;
    }

    public string Folder { get; }

    /// <summary>Creates a directory that belongs to <see cref="DatabaseUser"/>.</summary>
    public static async Task<TemporaryProcesses> CreateAsync(string name)
    {
        string folder = Path.Combine(Path.GetTempPath(), $"kestrelkv-{name}-{Guid.NewGuid():N}");
        await DatabaseUser.CreateDirectoryAsync(folder);
        return new(folder);
    }

    /// <summary>Starts a process as <see cref="DatabaseUser"/>. Its output is appended to a file in the directory.</summary>
    /// <param name="log">The name of the file.</param>
    /// <param name="command">The command.</param>
    /// <param name="prefix">A command that runs the command, as the user of the tests: that of a network namespace, for example.</param>
    public Process Start(string log, string[] command, params string[] prefix)
    {
        string[] whole = [.. prefix, .. DatabaseUser.Command(command)];
        return Process.Start(new ProcessStartInfo(
            "setsid", ["sh", "-c", "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1", "sh", Path.Combine(Folder, log), .. whole])
        {
            WorkingDirectory = Folder,
            Environment =
            {
                ["PATH"] = $"{DatabaseUser.ProgramDirectory}:{Environment.GetEnvironmentVariable("PATH")}", ["LC_ALL"] = "C.UTF-8",
            },
        })!;
    }

    /// <summary>Sends a signal to processes. Those that have ended are ignored, as is the id 0, which stands for no process.</summary>
    public static async Task SignalAsync(string signal, params IEnumerable<int> ids)
    {
        // For the system, 0 is the group of the caller: the test host itself.
        string[] existing = [.. ids.Where(id => id > 0).Select(id => id.ToString(CultureInfo.InvariantCulture))];
        if (existing.Length > 0) await Programs.RunAsync("sh", ["-c", "kill -s \"$@\" 2>/dev/null; true", "sh", signal, .. existing]);
    }

    /// <summary>Returns the ids of the child processes of a process; none if it has ended.</summary>
    public static int[] Children(int id)
    {
        try
        {
            string children = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/task/{id}/children"));
            string[] ids = children.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return [.. ids.Select(child => int.Parse(child, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            return [];
        }
    }

    /// <summary>Ends all processes, and deletes the directory.</summary>
    public async ValueTask DisposeAsync()
    {
        _guardian.StandardInput.Close();
        await _guardian.WaitForExitAsync();
        _guardian.Dispose();
    }
}
