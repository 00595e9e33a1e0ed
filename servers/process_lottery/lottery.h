/*
 * Figures of the lottery.
 */
#pragma once

#define LOTTERY_QUANTUM_MS 10UL       /* between two draws, unless --quantum-ms says otherwise */
#define LOTTERY_QUANTUM_MS_MAX 1000UL /* longer ones are no scheduling */
#define LOTTERY_RAISE 1UL             /* a winner's threads run at the priority of nice value 0, plus this */
#define LOTTERY_CPUS 16U              /* as many as the kernel starts */
